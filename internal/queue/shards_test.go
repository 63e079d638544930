package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
	"accessrelay/internal/redistest"
)

const slotCount = 16384

// slot is the hash slot of a queue's keys: CRC16 (XMODEM) of what stands in
// braces, modulo the number of slots, as the Cluster specification has it.
func slot(queue string) int {
	crc := uint16(0)
	for _, b := range []byte(queue) {
		crc ^= uint16(b) << 8
		for range 8 {
			if carry := crc&0x8000 != 0; carry {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slotCount
}

func TestSlotsAreThoseOfRedis(t *testing.T) {
	rdb := redistest.StartCluster(t).ClusterClient()
	for _, q := range shardsOn(rdb).all() {
		want, err := rdb.ClusterKeySlot(t.Context(), queueKey(q, "pending")).Result()
		if err != nil {
			t.Fatal(err)
		}
		if got := slot(q); int64(got) != want {
			t.Errorf("%s is in slot %d, computed %d", q, want, got)
		}
	}
}

func TestMastersShareTheShards(t *testing.T) {
	for kind, queues := range shardNames {
		for masters := 1; masters <= 8; masters++ {
			carries := make([]int, masters)
			for _, q := range queues {
				carries[slot(q)*masters/slotCount]++
			}
			least, most := len(queues)/masters, (len(queues)+masters-1)/masters
			for _, n := range carries {
				if n < least || n > most {
					t.Errorf("%s on %d masters: %v, want each between %d and %d", kind, masters, carries, least, most)
					break
				}
			}
		}
	}
}

// Tasks wait under these names, so they are for ever.
func TestShardNamesStay(t *testing.T) {
	want := map[string]string{
		Events:     "events events-9 events-38 events-39 events-44 events-45 events-68 events-69",
		Deliveries: "deliveries deliveries-10 deliveries-12 deliveries-13 deliveries-40 deliveries-41 deliveries-42 deliveries-43",
	}
	for kind, names := range want {
		if got := strings.Join(shardNames[kind], " "); got != names {
			t.Errorf("%s: %s, want %s", kind, got, names)
		}
		if shardNames[kind][0] != kind {
			t.Errorf("the first shard of %s is %s: tasks of a version without shards would be left", kind, shardNames[kind][0])
		}
	}
	all := slices.Concat(shardNames[Events], shardNames[Deliveries])
	if slices.Sort(all); len(slices.Compact(all)) != 16 {
		t.Error("two shards of one name")
	}
	// Where an event's tasks are is for ever as well, or they would be enqueued twice.
	cluster := shards{queues: shardNames}
	for id, want := range map[string]string{
		"evt_01JD0000000000000000000000": "events-38",
		"evt_01JD0000000000000000000001": "events-45",
	} {
		if got := cluster.of(Events, id); got != want {
			t.Errorf("%s is in %s, want %s", id, got, want)
		}
	}
}

func TestEventsSpreadOverShards(t *testing.T) {
	s := shards{queues: shardNames}
	counts := map[string]int{}
	const n = 16_000
	now := time.Unix(1_800_000_000, 0)
	for i := range n {
		counts[s.of(Events, event.NewID(now.Add(time.Duration(i)*time.Millisecond)))]++
	}
	for _, q := range shardNames[Events] {
		if c := counts[q]; c < n/8*8/10 || c > n/8*12/10 {
			t.Errorf("%s has %d of %d events: %v", q, c, n, counts)
		}
	}
}

func TestOneRedisHasNoShards(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{})
	defer func() { _ = rdb.Close() }()
	if got := shardsOn(rdb).all(); !slices.Equal(got, Names()) {
		t.Errorf("queues %v", got)
	}
}
