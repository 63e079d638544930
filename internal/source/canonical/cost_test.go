package canonical

import (
	"fmt"
	"strings"
	"testing"
)

// costly are bodies of about that size that are made to cost much.
func costly(size int) map[string][]byte {
	var unknown strings.Builder
	for i := range size / 12 {
		fmt.Fprintf(&unknown, `"k%06d":0,`, i)
	}
	fill := func(part string) string { return strings.Repeat(part, size/len(part)) }
	data := func(s string) []byte { return []byte(`{"type":"grant.active","data":{` + s + `}}`) }
	return map[string][]byte{
		"objects":   data(`"access":[` + fill(`{},`) + `{}]`),
		"wrong":     data(`"access":[` + fill(`0,`) + `0]`),
		"unknown":   data(unknown.String() + `"id":""`),
		"repeated":  data(fill(`"request":{"id":"1"},`) + `"id":""`),
		"long keys": data(fill(`"`+strings.Repeat("é", 100)+`":0,`) + `"id":""`),
	}
}

// What is told of a body has an end, and so has the work for it: neither places
// without a problem nor problems that are told no more cost memory.
func TestCostlyBodiesTakeLittleMemory(t *testing.T) {
	const size = 100_000
	for name, most := range map[string]float64{
		"objects": 1000, "wrong": 1000, "unknown": size/12 + 1000, // the keys
	} {
		body := costly(size)[name]
		if n := testing.AllocsPerRun(1, func() { _, _ = Read(body) }); n > most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, most)
		}
	}
}

func BenchmarkReadCostly(b *testing.B) {
	for name, body := range costly(1 << 20) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Read(body)
			}
		})
	}
}
