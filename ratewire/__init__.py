"""The command `ratewire`: one sub-command per process, each a thin call of that part's composition root."""
