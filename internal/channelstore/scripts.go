package channelstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed bump.lua
	bumpSource string
	//go:embed create.lua
	createSource string
	//go:embed update.lua
	updateSource string
	//go:embed delete.lua
	deleteSource string
	//go:embed switch.lua
	switchSource string
	//go:embed read.lua
	readSource string
)

var (
	createScript = redis.NewScript(bumpSource + createSource)
	updateScript = redis.NewScript(bumpSource + updateSource)
	deleteScript = redis.NewScript(bumpSource + deleteSource)
	switchScript = redis.NewScript(bumpSource + switchSource)
	readScript   = redis.NewScript(readSource)
)
