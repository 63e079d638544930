package api_test

import (
	"os"
	"testing"

	"accessrelay/internal/openapitest"
)

// described holds every exchange of these tests against the API's description.
var described = openapitest.Must()

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	return described.Run(m, os.Stderr, "/openapi.yaml", "/v1/notification-channels", "/v1/events", "/v1/deliveries")
}
