"""Where a step of reasoning ends."""
