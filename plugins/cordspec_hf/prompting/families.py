"""The families that cordspec knows. What is sent for each, and what was checked against what, is in docs/prompts.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cordspec_hf.prompting.adapter import PromptAdapter

PHI4_SYSTEM: Final = (
    "You are Phi, a language model trained by Microsoft to help users. Your role as an assistant involves thoroughly "
    "exploring questions through a systematic thinking process before providing the final precise and accurate "
    "solutions. This requires engaging in a comprehensive cycle of analysis, summarizing, exploration, reassessment, "
    "reflection, backtracing, and iteration to develop well-considered thinking process. Please structure your response "
    "into two main sections: Thought and Solution using the specified format: <think> {Thought section} </think> "
    "{Solution section}. In the Thought section, detail your reasoning process in steps. Each step should include "
    "detailed considerations such as analysing questions, summarizing relevant findings, brainstorming new ideas, "
    "verifying the accuracy of the current steps, refining any errors, and revisiting previous steps. In the Solution "
    "section, based on various attempts, explorations, and reflections from the Thought section, systematically present "
    "the final solution that you deem correct. The Solution section should be logical, accurate, and concise and detail "
    "necessary steps needed to reach the conclusion. Now, try to solve the following question through the above "
    "guidelines:"
)
"""Microsoft's text, word for word: the models were trained with it in front, and their own template always sends it."""

QWQ: Final = PromptAdapter(
    name="qwq",
    models=r"^qwq-32b(?!-preview)",
    start="",
    system_turn=("<|im_start|>system\n", "<|im_end|>\n"),
    user_turn=("<|im_start|>user\n", "<|im_end|>\n"),
    reply="<|im_start|>assistant\n",
    opens_thinking=True,
    turn_end="<|im_end|>",
    gap="\n",
    source="chat template and usage guidelines of Qwen/QwQ-32B",
)
QWEN3: Final = replace(
    QWQ,
    name="qwen3",
    models=r"^qwen3-[\d.]+b(?!.*(base|instruct))",
    opens_thinking=False,  # the model writes it, unless `enable_thinking` is false
    source="chat template of Qwen/Qwen3",
)
R1: Final = PromptAdapter(
    name="r1",
    models=r"^deepseek-r1-distill-(qwen|llama)",
    start="<｜begin▁of▁sentence｜>",
    system_turn=("", ""),
    user_turn=("<｜User｜>", ""),
    reply="<｜Assistant｜>",
    opens_thinking=True,
    turn_end="<｜end▁of▁sentence｜>",
    gap="",
    source="chat template of DeepSeek-R1-Distill; readme of deepseek-ai/DeepSeek-R1: no system prompt",
)
PHI4_REASONING: Final = PromptAdapter(
    name="phi4_reasoning",
    models=r"^phi-4-reasoning(?!-vision)",
    start="",
    system_turn=("<|im_start|>system<|im_sep|>", "<|im_end|>"),
    user_turn=("<|im_start|>user<|im_sep|>", "<|im_end|>"),
    reply="<|im_start|>assistant<|im_sep|>",
    opens_thinking=False,
    turn_end="<|im_end|>",
    gap="",
    source="public copies of the system text and of the turn markers of microsoft/Phi-4-reasoning-plus",
    system=PHI4_SYSTEM,
)
BASE: Final = PromptAdapter(
    name="base",
    models="",
    start="",  # or the token that the tokenizer itself puts before a text
    system_turn=("", "\n\n"),
    user_turn=("Question: ", "\n"),
    reply="Answer:\n",
    opens_thinking=False,
    turn_end="",
    gap="\n\n",
    source="ours: a model without a chat template has none to follow",
)
FAMILIES: Final = (QWQ, R1, PHI4_REASONING, QWEN3)
"""The families with a chat template, in the order in which they are recognised."""
