package event

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

const (
	idPrefix       = "evt_"
	deliveryPrefix = "dlv_"
	idChars        = 26 // 128 bits, five to a character
)

// Base32 in an order that sorts like the bytes do, without the letters that are
// misread (Crockford's alphabet, as in the ULID specification).
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an event id for an event received at t: "evt_" and 26 characters,
// 48 bits of milliseconds before 80 random ones, so that ids sort by time.
func NewID(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(t.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails: crypto/rand
	return idPrefix + idEncoding.EncodeToString(b[:])
}

// DerivedID makes the one event id that belongs to seed. It serves events that
// the relay makes itself and must make only once, whatever crashes.
func DerivedID(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return idPrefix + idEncoding.EncodeToString(sum[:16])
}

// ValidID reports whether id is an event id as [NewID] makes them.
func ValidID(id string) bool {
	s, ok := strings.CutPrefix(id, idPrefix)
	return ok && validIDChars(s)
}

func validIDChars(s string) bool {
	if len(s) != idChars {
		return false
	}
	// The decoder skips line breaks and the two bits that 26 characters have to
	// spare: only what encodes back to itself is an id.
	b, err := idEncoding.DecodeString(s)
	return err == nil && idEncoding.EncodeToString(b) == s
}

// DeliveryID names the nth delivery of an event.
func DeliveryID(eventID string, n int) string {
	return deliveryPrefix + strings.TrimPrefix(eventID, idPrefix) + "_" + strconv.Itoa(n)
}

// ParseDeliveryID is the inverse of [DeliveryID]; ok is false for anything else.
func ParseDeliveryID(id string) (eventID string, n int, ok bool) {
	s, ok := strings.CutPrefix(id, deliveryPrefix)
	if !ok {
		return "", 0, false
	}
	ev, num, ok := strings.Cut(s, "_")
	if !ok || !validIDChars(ev) {
		return "", 0, false
	}
	n, err := strconv.Atoi(num)
	if err != nil || n < 0 || strconv.Itoa(n) != num {
		return "", 0, false
	}
	return idPrefix + ev, n, true
}
