package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

// apiKeyPrefix lets people and secret scanners tell what a key is for.
const apiKeyPrefix = "ark_"

// NewAPIKey makes an API key of 256 random bits and the hash that the file
// keeps of it, as [HashAPIKey] gives it.
func NewAPIKey() (key, sha256hex string, err error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", "", fmt.Errorf("generating an API key: %w", err)
	}
	key = apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random)
	return key, HashAPIKey(key), nil
}

// HashAPIKey returns the lower-case hex SHA-256 of the whole key, prefix and
// all. A plain hash is enough, and fast enough for every call, because a key
// is 256 random bits: there is nothing to guess.
func HashAPIKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
