#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "os/files.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace relay::storage {

// SQLite. Nothing of it shows here, but SQL.

/// Bound as a blob, without a copy: it lives until the query has run.
struct Blob {
  std::string_view bytes;
};

/// One connection with its statements and its first error. After an error every query of it does
/// nothing until `clear_error`, so a job asks once, at its end. An error of the storage itself
/// (I/O, full, damaged) stays for good: the connection is broken and has to be closed.
class Connection {
 public:
  /// The file is there already; `reader`: another connection writes it; `immutable`: nobody does,
  /// and it has no log.
  enum class How { writable, reader, immutable, memory };

  /// `noun` is what errors call it: "cannot use the journal /path: …".
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const os::Path& path, How how,
                                                                std::string noun);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// One or more statements without results.
  bool exec(const std::string& sql);

  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const std::optional<Error>& broken() const { return broken_; }
  /// What the error says about the storage: SQLite cannot make sense of the file.
  [[nodiscard]] bool damaged() const { return damaged_; }
  void clear_error() { error_ = broken_; }
  [[nodiscard]] Result<void> checked() const;

  /// Rows written since the connection was opened.
  [[nodiscard]] std::int64_t total_changes() const;
  /// Rows that the last statement wrote.
  [[nodiscard]] std::int64_t changes() const;
  /// False when SQLite has rolled back by itself.
  [[nodiscard]] bool in_transaction() const;
  /// Pages in the write-ahead log after the last commit.
  [[nodiscard]] int log_pages() const { return log_pages_; }
  /// Copies the log into the database; `truncate` also empties it.
  bool checkpoint(bool truncate);
  /// Whether closing leaves the log as it is.
  void keep_log_on_close(bool keep);
  /// The whole database as a file would hold it.
  [[nodiscard]] std::string image() const;

 private:
  friend class Query;
  Connection() = default;
  sqlite3_stmt* prepared(std::string_view sql);
  void note(int code, std::string_view what);

  /// Looked up without a copy of the text.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  os::Path path_;
  std::string noun_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*, TextHash, std::equal_to<>> statements_;
  std::optional<Error> error_;
  std::optional<Error> broken_;
  bool damaged_ = false;
  int log_pages_ = 0;
};

/// One run of a statement: `Query(db, sql).bind(1).bind("x").run()`, or `while (query.next())`.
class Query {
 public:
  Query(Connection& db, std::string_view sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(std::int64_t value);
  Query& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(int value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(double value);
  Query& bind(bool value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(std::string_view text);
  Query& bind(const std::string& text) { return bind(std::string_view(text)); }
  Query& bind(const char* text) { return bind(std::string_view(text)); }
  Query& bind(Blob blob);
  Query& bind(std::nullopt_t);
  template <class T>
  Query& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind(std::nullopt);
  }
  /// The columns of a row of another query, one by one.
  Query& bind_row(const Query& from, int columns);

  /// False at the end, and after an error.
  bool next();
  void run() {
    while (next()) {
    }
  }

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }
  [[nodiscard]] bool flag(int column) const { return integer(column) != 0; }
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] double real(int column) const;
  /// Text or blob.
  [[nodiscard]] std::string text(int column) const;

 private:
  Connection& db_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

}  // namespace relay::storage
