"""The charging session: from plug-in to unplug, one or more nights."""
