"""How the registry bears many versions, compaction, kills, many followers, a replica, and large snapshots."""
