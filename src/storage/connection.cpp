#include "storage/connection.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <sqlite3.h>

#include "os/errno_error.hpp"
#include "os/file_rules.hpp"
#include "storage/log_file.hpp"

namespace relay::storage {
namespace {

/// FNV-1a: a changed bit always changes it.
class Sum {
 public:
  void add(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) {
      sum_ ^= bytes[i];
      sum_ *= 1099511628211U;
    }
  }
  void add(std::int64_t number) { add(&number, sizeof number); }
  [[nodiscard]] std::int64_t value() const { return static_cast<std::int64_t>(sum_); }

 private:
  std::uint64_t sum_ = 14695981039346656037U;
};

/// sum_of(table, column…): over the types, lengths and bytes of the values.
void sum_of(sqlite3_context* context, int count, sqlite3_value** values) {
  Sum sum;
  for (int i = 0; i < count; ++i) {
    sqlite3_value* value = values[i];
    const int type = sqlite3_value_type(value);
    sum.add(type);
    if (type == SQLITE_INTEGER) {
      sum.add(sqlite3_value_int64(value));
    } else if (type != SQLITE_NULL) {
      const void* bytes = type == SQLITE_BLOB ? sqlite3_value_blob(value)
                                              : static_cast<const void*>(sqlite3_value_text(value));
      const int size = sqlite3_value_bytes(value);
      sum.add(size);
      if (size > 0) sum.add(bytes, static_cast<std::size_t>(size));
    }
  }
  sqlite3_result_int64(context, sum.value());
}

bool is_of_one_job(int code) {
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH: return true;
    default: return false;
  }
}

Error error_of(int code, int system_error, const std::string& what, const std::string& words) {
  const int kind = code & 0xff;
  if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED) {
    return Error(Code::already_running, what + ": another process uses it",
                 "stop the other relay-broker that uses it");
  }
  if (kind == SQLITE_FULL || system_error == ENOSPC || system_error == EDQUOT) {
    Error full = os::errno_error(system_error == EDQUOT ? EDQUOT : ENOSPC, what);
    return full;
  }
  if (is_of_one_job(code)) return Error(Code::internal_error, what + ": " + words);
  std::string cause = words;
  if (system_error != 0 && kind != SQLITE_CORRUPT && kind != SQLITE_NOTADB) {
    cause += " (" + os::errno_text(system_error) + ")";
  }
  return Error(Code::io_error, what + ": " + cause,
               "look for errors of the disk in the system's log");
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const os::Path& path, How how,
                                                     std::string noun) {
  std::unique_ptr<Connection> db(new Connection);
  db->path_ = path;
  db->noun_ = std::move(noun);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string name = path.string();
  switch (how) {
    case How::writable: flags |= SQLITE_OPEN_READWRITE; break;
    case How::reader: flags |= SQLITE_OPEN_READONLY; break;
    case How::memory:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      name = ":memory:";
      break;
    case How::immutable: {
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      name.clear();
      for (const char c : path.string()) {
        if (c == '%' || c == '?' || c == '#') {
          name += fmt::format("%{:02x}", static_cast<unsigned char>(c));
        } else {
          name += c;
        }
      }
      name = "file:" + name + "?immutable=1";
      break;
    }
  }
  const char* disk = how == How::writable ? joined_log_writes() : nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &db->handle_, flags, disk);
  if (code != SQLITE_OK) {
    db->note(code, "cannot open");
    return fail(*db->error_);
  }
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_create_function_v2(db->handle_, "sum_of", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
                             &sum_of, nullptr, nullptr, nullptr);
  sqlite3_wal_hook(
      db->handle_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Connection*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      db.get());
  return db;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

bool Connection::exec(const std::string& sql) {
  if (failed()) return false;
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) note(code, "cannot use");
  return code == SQLITE_OK;
}

Result<void> Connection::checked() const {
  if (error_) return fail(*error_);
  return {};
}

std::int64_t Connection::total_changes() const {
  return sqlite3_total_changes64(handle_);
}

std::int64_t Connection::changes() const {
  return sqlite3_changes64(handle_);
}

bool Connection::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

bool Connection::checkpoint(bool truncate) {
  if (failed()) return false;
  const int code = sqlite3_wal_checkpoint_v2(
      handle_, nullptr, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, nullptr,
      nullptr);
  // Another connection is at it: it does what this one would have done.
  if (code == SQLITE_BUSY && !truncate) return true;
  if (code != SQLITE_OK) note(code, "cannot write");
  if (truncate && code == SQLITE_OK) log_pages_ = 0;
  return code == SQLITE_OK;
}

void Connection::keep_log_on_close(bool keep) {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

std::string Connection::image() const {
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(handle_, "main", &size, 0);
  if (bytes == nullptr) return {};
  std::string copy(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  sqlite3_free(bytes);
  return copy;
}

sqlite3_stmt* Connection::prepared(std::string_view sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) return known->second;
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    note(code, "cannot use");
    return nullptr;
  }
  statements_.emplace(sql, statement);
  return statement;
}

void Connection::note(int code, std::string_view what) {
  if (failed()) return;
  const int kind = code & 0xff;
  const std::string words = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  const int system_error = handle_ != nullptr ? sqlite3_system_errno(handle_) : 0;
  error_ =
      error_of(code, system_error, fmt::format("{} {} {}", what, noun_, os::quoted(path_)), words);
  damaged_ = damaged_ || kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
  if (!is_of_one_job(code)) broken_ = error_;
}

Query::Query(Connection& db, std::string_view sql) : db_(db) {
  if (!db_.failed()) statement_ = db_.prepared(sql);
}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query& Query::bind(std::int64_t value) {
  if (statement_ != nullptr) sqlite3_bind_int64(statement_, ++bound_, value);
  return *this;
}

Query& Query::bind(std::string_view text) {
  if (statement_ != nullptr) {
    // A null pointer would be bound as NULL.
    const char* data = text.empty() ? "" : text.data();
    sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  return *this;
}

Query& Query::bind(Blob blob) {
  if (statement_ != nullptr) {
    const char* data = blob.bytes.empty() ? "" : blob.bytes.data();
    sqlite3_bind_blob64(statement_, ++bound_, data, blob.bytes.size(), SQLITE_STATIC);
  }
  return *this;
}

Query& Query::bind(std::nullopt_t) {
  if (statement_ != nullptr) sqlite3_bind_null(statement_, ++bound_);
  return *this;
}

Query& Query::bind(double value) {
  if (statement_ != nullptr) sqlite3_bind_double(statement_, ++bound_, value);
  return *this;
}

Query& Query::bind_row(const Query& from, int columns) {
  for (int i = 0; i < columns && statement_ != nullptr && from.statement_ != nullptr; ++i) {
    sqlite3_bind_value(statement_, ++bound_, sqlite3_column_value(from.statement_, i));
  }
  return *this;
}

bool Query::next() {
  if (statement_ == nullptr || db_.failed()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) db_.note(code, "cannot use");
  return false;
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

double Query::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string Query::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (bytes == nullptr || size <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

}  // namespace relay::storage
