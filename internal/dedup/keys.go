package dedup

// claimsKey names the sorted set of what was claimed under key. The hash tag is
// the whole of key, so that payloads spread over a Cluster.
func claimsKey(key string) string { return "ar:dedup:{" + key + "}" }
