package queue

import (
	"hash/fnv"
	"slices"

	"github.com/redis/go-redis/v9"
)

// A queue is one hash slot, so one master of a Cluster does all its work. There
// every kind of task has eight queues, its shards, whose slots lie one in each
// eighth of all slots: masters with equal ranges carry equal shares, and up to
// eight masters carry some. Elsewhere a kind has one queue: shards would only
// mean more requests.
//
// The first shard has the kind's own name, so tasks that a version without
// shards enqueued are taken as well. A name never changes and none is ever
// dropped: tasks wait under it.
var shardNames = map[string][]string{
	Events: {
		"events", "events-9", "events-38", "events-39",
		"events-44", "events-45", "events-68", "events-69",
	},
	Deliveries: {
		"deliveries", "deliveries-10", "deliveries-12", "deliveries-13",
		"deliveries-40", "deliveries-41", "deliveries-42", "deliveries-43",
	},
}

// shards are the queues that are in use on one Redis.
type shards struct {
	queues map[string][]string // by kind, the plain name first
	kinds  map[string]string   // by queue
}

func shardsOn(rdb redis.UniversalClient) shards {
	s := shards{queues: map[string][]string{}, kinds: map[string]string{}}
	_, cluster := rdb.(*redis.ClusterClient)
	for _, kind := range Names() {
		s.queues[kind] = []string{kind}
		if cluster {
			s.queues[kind] = shardNames[kind]
		}
		for _, q := range s.queues[kind] {
			s.kinds[q] = kind
		}
	}
	return s
}

// all returns every queue, kind by kind.
func (s shards) all() []string {
	var out []string
	for _, kind := range Names() {
		out = append(out, s.queues[kind]...)
	}
	return out
}

// of returns the queue of an event's tasks of that kind.
func (s shards) of(kind, eventID string) string {
	queues := s.queues[kind]
	h := fnv.New32a()
	_, _ = h.Write([]byte(eventID)) // never fails
	return queues[h.Sum32()%uint32(len(queues))]
}

// places returns the queues in which an event's task may be: its own, and the
// one that a version without shards would have used.
func (s shards) places(kind, eventID string) []string {
	return slices.Compact([]string{s.of(kind, eventID), kind})
}
