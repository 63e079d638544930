package canonical

import (
	"fmt"
	"strings"
	"testing"
)

// Bodies of about the API's limit that are made to cost much.
func costly() map[string][]byte {
	var unknown strings.Builder
	for i := range 90_000 {
		fmt.Fprintf(&unknown, `"k%06d":0,`, i)
	}
	return map[string][]byte{
		"objects":   []byte(`{"type":"grant.active","data":{"access":[{}` + strings.Repeat(`,{}`, 349_000) + `]}}`),
		"wrong":     []byte(`{"type":"grant.active","data":{"access":[0` + strings.Repeat(`,0`, 520_000) + `]}}`),
		"unknown":   []byte(`{"type":"grant.active","data":{` + unknown.String() + `"id":""}}`),
		"repeated":  []byte(`{"type":"grant.active","data":{` + strings.Repeat(`"request":{"id":"1"},`, 50_000) + `"id":""}}`),
		"long keys": []byte(`{"type":"grant.active","data":{` + strings.Repeat(`"`+strings.Repeat("é", 100)+`":0,`, 5_000) + `"id":""}}`),
	}
}

// What is told of a body has an end, and so has the work for it: neither places
// without a problem nor problems that are told no more cost memory.
func TestCostlyBodiesTakeLittleMemory(t *testing.T) {
	for name, most := range map[string]float64{
		"objects": 1000, "wrong": 1000, "unknown": 100_000, // the keys
	} {
		body := costly()[name]
		if n := testing.AllocsPerRun(1, func() { _, _ = Read(body) }); n > most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, most)
		}
	}
}

func BenchmarkReadCostly(b *testing.B) {
	for name, body := range costly() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Read(body)
			}
		})
	}
}
