"""The command `ratewire`: one sub-command per process, each calls its composition root."""
