"""Statements that bring a job where only time, a crash or a broken database would."""

AGED = "UPDATE jobs SET created_at = created_at - interval '2 h'"
OVERDUE = "UPDATE reservations SET expires_at = clock_timestamp() - interval '1 s'"
COMPLETE_ALL = "UPDATE insights SET state = 'completed', sealed = 'x'"
HALF_COMPLETE = COMPLETE_ALL + " WHERE ord <= 3"
REFUSE_CAPTURES = """
    ALTER TABLE entries ADD CONSTRAINT no_captures CHECK (kind <> 'capture') NOT VALID
"""
ALLOW_CAPTURES = "ALTER TABLE entries DROP CONSTRAINT no_captures"
