{
  # node-gyp based tools build a checkout through here; native/CMakeLists.txt stays the only list of sources.
  "targets": [
    {
      "target_name": "nabla",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["native/CMakeLists.txt"],
          # Never written, so the action always runs; setup.mjs knows what is out of date.
          "outputs": ["build/always"],
          "action": ["node", "scripts/setup.mjs", "--native-only"],
        }
      ]
    }
  ]
}
