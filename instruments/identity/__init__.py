"""Identity of assets: reviewed data that maps each source's asset codes to assets."""
