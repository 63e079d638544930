package channel

import "strings"

// Plainer is a [Config] that can be reached without encryption. The API takes
// such a one only where the operator admits networks at all; the transport holds
// the connection itself to them.
type Plainer interface {
	// Plain names the key that has the channel reached without encryption and
	// says what it must be instead, as in "url", "https". Both are "" for a
	// config that is encrypted.
	Plain() (field, instead string)
}

// Plain is c's own answer, or "" and "" of a config of a type that knows no
// other way than encryption.
func Plain(c Config) (field, instead string) {
	if p, ok := c.(Plainer); ok {
		return p.Plain()
	}
	return "", ""
}

// PlainURL is the answer of a config whose address stands at key.
func PlainURL(key, address string) (field, instead string) {
	if scheme, _, _ := strings.Cut(address, ":"); strings.EqualFold(scheme, "http") {
		return key, "https"
	}
	return "", ""
}
