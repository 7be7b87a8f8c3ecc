"""The operations after a run that repair or verify: requeue, redrive, certify and others."""
