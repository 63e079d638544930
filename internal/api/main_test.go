package api_test

import (
	"testing"

	"go.uber.org/goleak"

	"accessrelay/internal/openapitest"
)

// described holds every exchange of these tests against the API's description.
var described = openapitest.Must()

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		described.Exit(code, "/openapi.yaml", "/v1/notification-channels", "/v1/events", "/v1/deliveries")
	}))
}
