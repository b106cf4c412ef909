# The quick start: cargo run --release -- run quickstart
task "quickstart" {
  type = "providers"

  input {
    provider = "counter"
    config {
      interval = 1000
      maxCount = 5
    }
  }

  output {
    provider = "console"
    config {
      outputFormat = "simple"
    }
  }
}
