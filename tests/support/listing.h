// A listing as the kernel gives it.
#pragma once

namespace quay {

// The least that can be a table of ours.
inline constexpr const char* kSoundListing = R"(table inet quaymaster {
	chain input {
		type filter hook input priority filter; policy drop;
		accept
	}
	chain output {
		type filter hook output priority filter; policy drop;
		accept
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		accept
	}
}
)";

}  // namespace quay
