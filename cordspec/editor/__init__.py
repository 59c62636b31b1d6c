"""The language server: what an editor asks about a spec, answered from everybody's parser, model and registry.

All but `cordspec.editor.server` is pure functions of an `Analysis` and an offset, and knows no editor; that one speaks the
protocol, and imports its library.
"""
