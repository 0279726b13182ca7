"""The first configuration: looking around, writing it, keeping the state out of git."""
