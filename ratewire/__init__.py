"""The command `ratewire`: one sub-command per process, each a thin call of its composition root."""
