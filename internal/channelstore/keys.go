package channelstore

// All keys of a tenant carry its id as hash tag, so that a script over several
// of them stays in one slot of a Cluster. A channel's record says the version of
// its layout. The other hashes map one string to another and have none: another
// layout gets another name.
func tenantKey(tenantID, name string) string { return "ar:{" + tenantID + "}:" + name }

// channelsKey names the hash of the API's channels: id to record (JSON, see type record).
func channelsKey(tenantID string) string { return tenantKey(tenantID, "channels") }

// namesKey names the hash of names in use: name to id.
func namesKey(tenantID string) string { return tenantKey(tenantID, "channels:names") }

// revisionKey names the number that grows with every change to the tenant's
// channels. See bump.lua.
func revisionKey(tenantID string) string { return tenantKey(tenantID, "channels:rev") }

// disabledKey names the hash of the file's channels that the relay has
// disabled: id to reason.
func disabledKey(tenantID string) string { return tenantKey(tenantID, "channels:disabled") }
