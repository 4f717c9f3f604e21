#include "host/nftables.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <thread>

#include <linux/membarrier.h>
#include <linux/netfilter.h>
#include <nftables/libnftables.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "host/live_filter.h"
#include "language/nft_table.h"

namespace quay {
namespace {

// "policy.nft:3:1-7: Error: Could not process rule: File exists" without the place in a text that
// nobody sees.
std::string first_line(std::string_view message) {
  const std::string_view line = trim(message.substr(0, message.find('\n')));
  constexpr std::string_view mark = "Error: ";
  const std::size_t at = line.find(mark);
  return std::string(at == std::string_view::npos ? line : line.substr(at + mark.size()));
}

}  // namespace

void Nftables::Free::operator()(nft_ctx* context) const {
  nft_ctx_free(context);
}

Nftables::Nftables() {
  // nft reads times in the zone of the process; ours are UTC.
  setenv("TZ", "UTC", 1);  // NOLINT(concurrency-mt-unsafe): before any thread starts
  tzset();
  context_.reset(nft_ctx_new(NFT_CTX_DEFAULT));
  nft_ctx_output_set_flags(context_.get(), NFT_CTX_OUTPUT_STATELESS);
  nft_ctx_buffer_output(context_.get());
  nft_ctx_buffer_error(context_.get());
}

Nftables::~Nftables() = default;

Result<std::string> Nftables::command(const std::string& text) {
  const int status = nft_run_cmd_from_buffer(context_.get(), text.c_str());
  std::string output = nft_ctx_get_output_buffer(context_.get());
  const std::string errors = nft_ctx_get_error_buffer(context_.get());
  if (status != 0)
    return fail(Error{"kernel", first_line(errors.empty() ? "nftables failed" : errors)});
  return output;
}

Result<std::string> Nftables::list() {
  const auto dump = dump_.table(NFPROTO_INET, "quaymaster");
  if (!dump)
    return fail(dump.error());
  const std::optional<nft::Table>& table = *dump;
  return table ? nft_listing(*table) : std::string();
}

Result<filter::Ruleset> Nftables::ruleset() {
  return live_filter(dump_);
}

Result<void> Nftables::run(const std::string& script) {
  const auto done = command(script);
  if (!done)
    return fail(done.error());
  return {};
}

// Packets pass the filter in RCU read-side sections, all of which end in the grace period that
// membarrier(2) waits for.
void Nftables::settle() {
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // a kernel without it
}

}  // namespace quay
