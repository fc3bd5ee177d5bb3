// Package limits has the numbers that bound a function of Lambda, and the folders and libraries that it finds there:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
package limits

// Memory of a function, in MB.
const LeastMemory, MostMemory = 128, 10240

// MemoryPerProcessor is how many MB of memory a function has for each processor:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
const MemoryPerProcessor = 1769

// LeastStorage and MostStorage are the sizes of /tmp, in MB.
const LeastStorage, MostStorage = 512, 10240

// LeastTimeout and MostTimeout are how long an invocation may take, in seconds.
const LeastTimeout, MostTimeout = 1, 900

// Sizes in bytes. The page says "50 MB" and "250 MB"; the service's messages show that both count 1024 × 1024 bytes.
const (
	DirectUpload = 50 << 20  // 52,428,800: the largest zip in a request; a larger one goes through S3
	Unzipped     = 250 << 20 // 262,144,000: all files of the zip and of the layers together
	Environment  = 4 << 10   // all variables of a function
)

// MostLayers is how many layers a function has at most.
const MostLayers = 5

// Folders: TaskRoot has the unpacked zip and is the current one, Opt the files of layers.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html and
// https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
const TaskRoot, Opt = "/var/task", "/opt"

// ExtensionsDir is the folder below Opt whose executables are started as extensions:
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-extensions.html
const ExtensionsDir = "extensions"

// Libraries are the shared libraries that a program may count on in the runtimes for custom programs: glibc's own and the
// unwinder of GCC, which every Rust program for a gnu target needs.
var Libraries = []string{
	"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1",
	"libutil.so.1", "libresolv.so.2", "libgcc_s.so.1",
	"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
}
