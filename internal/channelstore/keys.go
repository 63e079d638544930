package channelstore

// The keys of a tenant share a hash tag, so that a script may touch them
// together in a Redis Cluster.

// channelsKey is a hash: channel id to its record, "<revision>|<json>".
func channelsKey(tenantID string) string { return "ar:{" + tenantID + "}:channels" }

// namesKey is a hash: name to channel id.
func namesKey(tenantID string) string { return "ar:{" + tenantID + "}:channels:names" }

// revisionKey is a counter that every change of the tenant's channels moves.
func revisionKey(tenantID string) string { return "ar:{" + tenantID + "}:channels:rev" }

// disabledKey is a hash: id of a file's channel that the relay disabled, to why.
func disabledKey(tenantID string) string { return "ar:{" + tenantID + "}:channels:disabled" }
