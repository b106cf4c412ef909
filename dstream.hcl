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

# Ten thousand real changes, recorded from PostgreSQL: cargo run --release -- run replay
task "replay" {
  type = "providers"

  input {
    provider_path = "fixtures/providers/bash/replay.sh"
    config {
      file = "changes/changes.jsonl"
    }
  }

  output {
    provider = "null"
  }
}

# Made-up lines at a steady rate: cargo run --release -- run load --stats
task "load" {
  type = "providers"

  input {
    provider = "generate"
    config {
      count = 30000
      rate  = 10000
    }
  }

  output {
    provider = "null"
  }
}
