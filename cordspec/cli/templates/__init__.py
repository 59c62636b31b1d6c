"""What `cordspec init` writes."""
