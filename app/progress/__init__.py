"""What users see of a job: snapshots, subscriptions, the prompts that were sent."""
