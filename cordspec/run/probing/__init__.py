"""A few problems looked at closely before a decode is paid for: scores against labels, formats, lengths, a prediction."""
