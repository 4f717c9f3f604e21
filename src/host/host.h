// The one seam to the world: what the product asks of the machine it runs on. The real
// implementations stand beside this header; tests bring their own, in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/filter.h"
#include "model/listener.h"
#include "model/rule.h"

namespace quay {

// The kernel's packet filter, as far as our own table goes.
class Firewall {
 public:
  virtual ~Firewall() = default;

  // Table `inet quaymaster` as nft_listing() says it (language/nft_table.h); empty when there is no
  // such table. Fails when the kernel cannot be asked.
  virtual Result<std::string> list() = 0;

  // Every table of the kernel, ours and anybody's, of one generation, in the model that analyses
  // read; `outside` tells what else handles packets. Fails when the kernel cannot be asked.
  virtual Result<filter::Ruleset> ruleset() = 0;

  // Runs a script in nft's language as one transaction: all of it happens or nothing.
  // Fails with the kernel's or the parser's reason.
  virtual Result<void> run(const std::string& script) = 0;

  // Returns once every packet has left the filter that had entered it before: some 10 ms.
  virtual void settle() = 0;
};

// A file's next content, on the disk beside the old one. Gone with this object unless it was
// committed.
class StagedFile {
 public:
  virtual ~StagedFile() = default;

  // Puts it in the file's place, on the disk when it returns. After a failure the old file is as
  // it was. Once only.
  virtual Result<void> commit() = 0;
};

// Files of the gateway.
class Files {
 public:
  virtual ~Files() = default;

  // The whole file. Fails when it is not there or cannot be read.
  virtual Result<std::string> read(const std::string& path) = 0;

  // When the file was last written; nullopt when it is not there.
  virtual std::optional<TimePoint> modified(const std::string& path) = 0;

  // The names in a folder that end in `ending`, sorted; none when there is no such folder.
  virtual std::vector<std::string> list(const std::string& folder, const std::string& ending) = 0;

  // Clears away what a process that was killed left staged for a file; false when there was
  // nothing.
  virtual bool clear_staged(const std::string& path) = 0;

  // Brings `content` to the disk beside the file, which stays as it is. Makes the folder when it
  // is missing. One at a time for one path.
  virtual Result<std::unique_ptr<StagedFile>> stage(const std::string& path,
                                                    const std::string& content) = 0;

  // stage() and commit().
  Result<void> write(const std::string& path, const std::string& content) {
    auto staged = stage(path, content);
    return staged ? (*staged)->commit() : fail(staged.error());
  }
};

// The gateway's links and sockets.
class Network {
 public:
  virtual ~Network() = default;

  // The names of all interfaces, lo included, by their kernel's number.
  virtual std::vector<std::string> interfaces() = 0;

  // Every listening TCP, bound UDP, raw and packet socket of both families, without the names of
  // units and processes. Fails when the kernel does not tell.
  virtual Result<std::vector<Listener>> sockets() = 0;
};

// The gateway's programs, as systemd knows them.
class Units {
 public:
  virtual ~Units() = default;

  // Gives every socket its user, unit and process, as far as they are known. A socket that
  // systemd itself holds for a `.socket` unit gets that unit.
  virtual void name_owners(std::vector<Listener>& sockets) = 0;
};

// The time of day.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() = 0;
};

}  // namespace quay
