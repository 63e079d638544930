package dashboard

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

// canary stands where an event's text stands.
const canary = "canary-of-a-person"

// fill puts one task into every state a task can have, each with the canary as
// payload, and leaves a server running that works on one.
func fill(t *testing.T, rdb *redis.Client) {
	t.Helper()
	client := asynq.NewClientFromRedisClient(rdb)
	payload := []byte(`{"reason":"` + canary + `"}`)
	add := func(kind string, opts ...asynq.Option) {
		t.Helper()
		task := asynq.NewTaskWithHeaders(kind, payload, map[string]string{"event-id": "evt_1"})
		if _, err := client.Enqueue(task, append(opts, asynq.Queue("busy"), asynq.TaskID(kind+"-id"))...); err != nil {
			t.Fatal(err)
		}
	}
	add("active")
	add("retry", asynq.MaxRetry(5))
	add("archived", asynq.MaxRetry(0))
	add("completed", asynq.Retention(time.Hour))
	add("scheduled", asynq.ProcessIn(time.Hour))
	add("aggregating", asynq.Group("g"))
	if _, err := client.Enqueue(asynq.NewTask("pending", payload), asynq.Queue("idle"), asynq.TaskID("pending-id")); err != nil {
		t.Fatal(err)
	}

	stop := make(chan struct{})
	srv := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 10, Queues: map[string]int{"busy": 1}, LogLevel: asynq.FatalLevel,
		TaskCheckInterval: 10 * time.Millisecond, ShutdownTimeout: 5 * time.Second,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
	})
	err := srv.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		switch task.Type() {
		case "active":
			<-stop
		case "completed":
			_, err := task.ResultWriter().Write([]byte(canary))
			return err
		default:
			return errors.New("server_error: 503")
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(stop); srv.Shutdown() })

	// The periodic-task page reads what a scheduler wrote.
	scheduler := asynq.NewSchedulerFromRedisClient(rdb, &asynq.SchedulerOpts{LogLevel: asynq.FatalLevel, HeartbeatInterval: 100 * time.Millisecond})
	if _, err := scheduler.Register("@every 1h", asynq.NewTask("periodic", payload)); err != nil {
		t.Fatal(err)
	}
	if err := scheduler.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(scheduler.Shutdown)
}

// taskRoutes are the calls of asynqmon that show a payload or a result, and
// what each must show for the test to mean anything.
var taskRoutes = map[string]string{
	"/api/queues/busy/active_tasks":                 "active-id",
	"/api/queues/idle/pending_tasks":                "pending-id",
	"/api/queues/busy/scheduled_tasks":              "scheduled-id",
	"/api/queues/busy/retry_tasks":                  "retry-id",
	"/api/queues/busy/archived_tasks":               "archived-id",
	"/api/queues/busy/completed_tasks":              "completed-id",
	"/api/queues/busy/groups/g/aggregating_tasks":   "aggregating-id",
	"/api/queues/busy/tasks/active-id":              "active-id",
	"/api/queues/busy/tasks/completed-id":           "completed-id",
	"/api/queues/busy/tasks/retry-id":               "server_error: 503",
	"/api/servers":                                  "active-id",
	"/api/scheduler_entries":                        "periodic",
	"/api/queues":                                   `"busy"`,
	"/api/queues/busy":                              `"busy"`,
	"/api/queues/busy/groups":                       `"g"`,
	"/api/queue_stats":                              `"busy"`,
	"/api/redis_info":                               "redis_version",
	"/api/queues/busy/retry_tasks?page=1&size=1000": "retry-id",
}

func TestPayloadsAreNotShown(t *testing.T) {
	rdb := redistest.Start(t).Client()
	fill(t, rdb)
	s := serve(t, Config{Redis: connOpt{rdb}, RootPath: "/dashboard"})
	for route, want := range taskRoutes {
		// The server says every 5 s what it works on.
		var r reply
		for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if r = s.do("GET", "/dashboard"+route, ""); strings.Contains(r.body, want) {
				break
			}
		}
		if r.status != 200 || !strings.Contains(r.body, want) {
			t.Errorf("GET %s = %d, lacks %s: %s", route, r.status, want, r.body)
		}
		if strings.Contains(r.body, canary) || strings.Contains(r.body, "reason") {
			t.Errorf("GET %s shows a payload: %s", route, r.body)
		}
		if strings.Contains(r.body, `payload"`) && !strings.Contains(r.body, "hidden: JSON, 31 bytes") {
			t.Errorf("GET %s does not say how large the payload is: %s", route, r.body)
		}
		if ct := r.header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("GET %s: %s", route, ct)
		}
	}
	if r := s.do("GET", "/dashboard/api/queues/busy/completed_tasks", ""); !strings.Contains(r.body, "hidden: data, 18 bytes") {
		t.Errorf("the result of a task: %s", r.body)
	}
}

// Every call of asynqmon that changes something, as its router lists them.
var changes = []string{
	"DELETE /api/queues/idle",
	"POST /api/queues/idle:pause",
	"POST /api/queues/idle:resume",
	"DELETE /api/queues/idle/pending_tasks/pending-id",
	"DELETE /api/queues/idle/pending_tasks:delete_all",
	"POST /api/queues/idle/pending_tasks:batch_delete",
	"POST /api/queues/idle/pending_tasks/pending-id:archive",
	"POST /api/queues/idle/pending_tasks:archive_all",
	"POST /api/queues/idle/scheduled_tasks/pending-id:run",
	"POST /api/queues/idle/scheduled_tasks:run_all",
	"POST /api/queues/idle/active_tasks:cancel_all",
	"POST /", "PUT /api/queues", "PATCH /api/queues", "POST /static/js/x", "OPTIONS /api/queues", "delete /api/queues/idle",
}

func TestReadOnly(t *testing.T) {
	rdb := redistest.Start(t).Client()
	if _, err := asynq.NewClientFromRedisClient(rdb).Enqueue(asynq.NewTask("pending", nil), asynq.Queue("idle"), asynq.TaskID("pending-id")); err != nil {
		t.Fatal(err)
	}
	s := serve(t, Config{Redis: connOpt{rdb}})
	before := s.do("GET", "/api/queues/idle", "").body
	for _, c := range changes {
		method, path, _ := strings.Cut(c, " ")
		if r := s.do(method, path, ""); r.status != 405 || r.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s = %d", c, r.status)
		}
	}
	// What changes from one look to the next is how long the task has waited.
	still := func(s string) string {
		return regexp.MustCompile(`"(latency_msec|display_latency|timestamp)":("[^"]*"|\d+)`).ReplaceAllString(s, "")
	}
	if after := s.do("GET", "/api/queues/idle", "").body; still(after) != still(before) {
		t.Errorf("the queue changed from %s to %s", before, after)
	}
	if !strings.Contains(before, `"pending":1`) {
		t.Errorf("the queue is %s", before)
	}
}
