"""What `doctor` examines: each module looks at one side of what a rollback needs."""
