"""The rollout of charger linking: how far it has come, what it rests on, and the machine that takes it further."""
