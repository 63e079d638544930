package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hibiken/asynq"
)

// A task whose handler has returned here is taken up as soon as its lease is
// over; one of somebody else's is watched first.
func TestSweepTakesUpItsOwnEndedTasksAtOnce(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		name  string
		lease time.Time
		ours  func(e *ended, id string)
		want  int64
	}{
		{"ended here", start.Add(-time.Second), func(e *ended, id string) { e.add(Deliveries, id) }, 1},
		{"ended here long ago with that very lease", start.Add(-time.Minute), func(e *ended, id string) {
			e.now = func() time.Time { return start.Add(-80 * time.Second) }
			e.add(Deliveries, id)
		}, 1},
		{"ended here, the lease holds: another runs it", start.Add(time.Minute), func(e *ended, id string) { e.add(Deliveries, id) }, 0},
		{"ended here and begun again", start.Add(-time.Second), func(e *ended, id string) { e.add(Deliveries, id); e.began(Deliveries, id) }, 0},
		{"taken by another since, whose lease is over too", start.Add(-time.Second), func(e *ended, id string) {
			e.now = func() time.Time { return start.Add(-time.Minute) }
			e.add(Deliveries, id)
		}, 0},
		{"somebody else's", start.Add(-time.Second), func(*ended, string) {}, 0},
		{"of another queue", start.Add(-time.Second), func(e *ended, id string) { e.add(Events, id) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, rdb := newRedis(t)
			c := newClient(t, rdb)
			if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
				t.Fatal(err)
			}
			id := kill(t, rdb, Deliveries, tt.lease)
			s := newSweeper(rdb, quiet())
			s.ended.now = func() time.Time { return start }
			tt.ours(s.ended, id)
			sweepAt(t, s, start)
			if got := pending(t, rdb); got != tt.want {
				t.Errorf("%d tasks pending, want %d", got, tt.want)
			}
		})
	}
}

func TestEndedTasksAreForgottenOnceTheyAreDone(t *testing.T) {
	_, rdb := newRedis(t)
	s := newSweeper(rdb, quiet())
	s.ended.add(Deliveries, "done")
	sweepAt(t, s, time.Now())
	if left := s.ended.known(Deliveries); len(left) != 0 {
		t.Errorf("%v are remembered although none is active", left)
	}
}

func TestAHandlerThatOutlivedItsLeaseHurriesTheSweep(t *testing.T) {
	e := newEnded()
	h := e.watched(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return errors.New("whatever") }))
	task := sampleEvent().encode()
	_ = h.ProcessTask(t.Context(), task)
	if len(e.late) != 0 {
		t.Error("a handler that ended in time hurries the sweep")
	}
	lost, cancel := context.WithCancel(t.Context())
	cancel() // as asynq does when a lease is over
	_ = h.ProcessTask(lost, task)
	if len(e.late) != 1 {
		t.Error("the sweep is not hurried")
	}
}
