package dedup

// claimsKey names the sorted set of what was claimed under key. The hash tag is
// the whole of key, so that payloads spread over a Cluster. A claim has no room for
// a version: what members and scores mean is part of the name, so that another
// layout gets another name, and its claims are not taken for these.
func claimsKey(key string) string { return "ar:dedup:{" + key + "}" }
