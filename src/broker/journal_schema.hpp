// Internal to broker/: the tables of the journal. Each row has the sum of its other columns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "storage/connection.hpp"

namespace relay::broker {

using storage::Blob;
using storage::Connection;
using storage::Query;

/// What this program writes; raised with each change of the tables.
inline constexpr int kSchemaVersion = 1;
/// Of every page; the whole schema fits in the first one, see `first_page`.
inline constexpr std::size_t kPageSize = 4096;

struct Column {
  std::string_view name;
  std::string_view type;
};

struct Table {
  std::string_view name;
  /// Without `sum`.
  std::vector<Column> columns;
  /// Behind the columns in its definition.
  std::string_view constraints;
  /// The columns of its key, as in ORDER BY.
  std::vector<std::string_view> key;
  /// The first column is the key that SQLite itself keeps the rows by.
  bool has_row_id = false;

  [[nodiscard]] std::string column_list() const;
  /// "INSERT INTO inbox(…,sum) VALUES(?1,…,sum_of('inbox',?1,…))", with `how` for INSERT.
  [[nodiscard]] std::string put(std::string_view how = "INSERT") const;
  /// "sum IS sum_of('inbox',id,…)"
  [[nodiscard]] std::string is_sound() const;
  /// "id", or "id DESC"; all columns of the key.
  [[nodiscard]] std::string order(bool backwards) const;
};

[[nodiscard]] const std::vector<Table>& journal_tables();
[[nodiscard]] const Table& journal_table(std::string_view name);

/// `conflict` for a journal that a newer program wrote.
[[nodiscard]] Result<void> refuse_newer(Connection& db);

/// Makes the tables in an empty database. (The next version brings what was made here up to its
/// own.)
[[nodiscard]] Result<void> make_tables(Connection& db);

/// What is wrong with the database as a whole: its pages, its indexes, its schema. Empty: nothing.
[[nodiscard]] std::string structure_fault(Connection& db);

/// A new journal as a file, with a write-ahead log: as it is written in one step, the disk is
/// waited for once and not a dozen times.
[[nodiscard]] Result<std::string> new_journal();

/// The first page of a new journal: header and schema, which are the same in each of this version.
[[nodiscard]] std::string first_page();

/// Moves each row whose sum is wrong into the table `quarantine`. One line for each, naming it.
[[nodiscard]] std::vector<std::string> quarantine_damaged_rows(Connection& db, Wall now);

[[nodiscard]] std::int64_t to_milliseconds(Wall time);
[[nodiscard]] Wall from_milliseconds(std::int64_t milliseconds);

}  // namespace relay::broker
