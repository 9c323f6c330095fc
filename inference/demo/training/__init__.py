"""How the demo model is made: one module a stage, each resumable, all of them seeded."""
