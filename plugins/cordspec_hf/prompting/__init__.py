"""How a question is put to a model: the families that cordspec knows, and the model's own chat template."""
