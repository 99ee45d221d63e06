"""The Teeth workspace: what can be seen."""
