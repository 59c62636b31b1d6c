"""Training of students with TRL. Heavy imports happen only when a training begins."""
