#include "base/ids.hpp"
#include "base/json_writer.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::size_t kLongestFileName = 255;
constexpr std::size_t kMostAttachments = 20;

tl::unexpected<Error> no_such_file() {
  return refuse(Refusal::file_not_found, "there is no such file");
}

std::string content_url(const Call& call, const File& file) {
  return base_url(call) + "/v1/files/" + std::to_string(file.id) + "/content?ticket=" + file.ticket;
}

/// Who has the address has the content.
enum class Address { shown, hidden };

void write_file(JsonWriter& out, const Call& call, const File& file,
                Address address = Address::shown) {
  const bool complete = file.state == FileState::complete;
  out.begin_object();
  out.field("id", std::to_string(file.id));
  out.field("filename", file.name);
  out.field("content_type", file.content_type);
  out.field("size_bytes", file.size);
  out.field("status", complete ? "complete" : "pending");
  if (address == Address::shown) {
    out.key("download_url");
    complete ? out.value(content_url(call, file)) : out.null();
  }
  out.field("uploaded_by", file.uploader_name);
  out.field("created_at", wire_time(time_of(file.id)));
  out.end_object();
}

Answer file_answer(const Call& call, const File& file) {
  return good_json(wire::Json::build([&](JsonWriter& out) { write_file(out, call, file); }).text());
}

Result<File> file_asked(const Store& store, const Call& call) {
  const auto id = parse_id(call.parameter("id"));
  return store.file(call.workspace(), id.value_or(0));
}

/// One that the agent has uploaded itself.
Result<File> own_file_asked(const Store& store, const Call& call) {
  auto file = file_asked(store, call);
  if (file && file->uploader != call.agent().id) {
    return refuse(Refusal::forbidden, "this file is another agent's");
  }
  return file;
}

Result<File> file_of_ticket(const Store& store, const Call& call) {
  const auto id = parse_id(call.parameter("id"));
  const auto ticket = call.query("ticket");
  if (!id || !ticket) return no_such_file();
  return store.file_of_ticket(*id, *ticket);
}

}  // namespace

Result<Answer> begin_upload(Store& store, Call& call) {
  auto document = call.document();
  if (!document) return fail(std::move(document).error());
  const auto root = document->root();
  const auto name = root.find("filename");
  const auto type = root.find("content_type");
  const auto size = root.find("size_bytes");
  File file;
  file.workspace = call.workspace();
  file.uploader = call.agent().id;
  file.name = name ? std::string(name->string().value_or("")) : std::string();
  file.content_type = type ? std::string(type->string().value_or("")) : std::string();
  file.size = size ? size->unsigned_integer().value_or(0) : 0;
  const bool one_line = file.content_type.find_first_of("\r\n") == std::string::npos;
  if (file.name.empty() || file.name.size() > kLongestFileName || file.content_type.empty() ||
      !one_line) {
    return refuse(Refusal::invalid_request, "filename, content_type and size_bytes are needed");
  }
  if (file.size > kMostFileBytes) {
    return refuse(Refusal::invalid_request, "size_bytes: at most 8 MiB");
  }
  file.ticket = random_hex("", 24, call.random());
  auto added = store.add_file(file);
  if (!added) return fail(std::move(added).error());
  const auto json = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("id", std::to_string(added->id));
    out.field("upload_url", content_url(call, *added));
    out.field("expires_at", wire_time(time_of(added->id) + Store::kUploadTime));
    out.end_object();
  });
  return good_json(json.text(), 201);
}

Result<Answer> put_content(Store& store, Call& call) {
  auto file = file_of_ticket(store, call);
  if (!file) return fail(std::move(file).error());
  if (file->state == FileState::complete) {
    return refuse(Refusal::forbidden, "this file is complete");
  }
  if (store.now() >= time_of(file->id) + Store::kUploadTime) {
    return refuse(Refusal::forbidden, "the time for this upload is over: begin another one");
  }
  auto put = store.put_file_content(file->id, call.request.body);
  if (!put) return fail(std::move(put).error());
  return done();
}

Result<Answer> show_content(const Store& store, Call& call) {
  auto file = file_of_ticket(store, call);
  if (!file) return fail(std::move(file).error());
  auto bytes = store.file_content(file->id);
  if (!bytes) return fail(std::move(bytes).error());
  Answer answer;
  answer.body = *std::move(bytes);
  // As a download only: what an agent has uploaded is not shown as a page of this server.
  answer.content_type = "application/octet-stream";
  return answer;
}

Result<Answer> complete_upload(Store& store, Call& call) {
  auto file = own_file_asked(store, call);
  if (!file) return fail(std::move(file).error());
  auto complete = store.complete_file(file->id);
  if (!complete) return fail(std::move(complete).error());
  auto now = store.file(call.workspace(), file->id);
  if (!now) return fail(std::move(now).error());
  wire::StreamOther told;
  told.type = "file.uploaded";
  told.agent_name = call.agent().name;
  told.payload =
      wire::Json::build([&](JsonWriter& out) { write_file(out, call, *now, Address::hidden); });
  StreamNews& news = call.to.stream.emplace_back();
  news.event = std::move(told);
  return file_answer(call, *now);
}

Result<Answer> show_file(const Store& store, Call& call) {
  auto file = file_asked(store, call);
  if (!file) return fail(std::move(file).error());
  return file_answer(call, *file);
}

Result<Answer> delete_file(Store& store, Call& call) {
  auto file = own_file_asked(store, call);
  if (!file) return fail(std::move(file).error());
  auto removed = store.remove_file(file->id);
  if (!removed) return fail(std::move(removed).error());
  return nothing();
}

Result<Answer> list_files(const Store& store, Call& call) {
  auto most = call.limit(50, kMostRows);
  if (!most) return fail(std::move(most).error());
  Id uploader = 0;
  const auto by = call.query("uploaded_by");
  if (by && !by->empty()) {
    auto agent = store.find_agent(call.workspace(), *by);
    if (!agent) return fail(std::move(agent).error());
    uploader = agent->id;
  }
  auto files = store.files(call.workspace(), uploader, *most);
  if (!files) return fail(std::move(files).error());
  const auto json = wire::Json::build([&](JsonWriter& out) {
    out.begin_array();
    for (const auto& file : *files) write_file(out, call, file);
    out.end_array();
  });
  return good_json(json.text());
}

Result<std::string> attachments_asked(const Store& store, const Call& call,
                                      const std::optional<std::vector<std::string>>& ids) {
  if (!ids || ids->empty()) return std::string();
  if (ids->size() > kMostAttachments) {
    return refuse(Refusal::invalid_request, "attachments: at most 20");
  }
  std::vector<File> files;
  for (const auto& text : *ids) {
    auto file = store.file(call.workspace(), parse_id(text).value_or(0));
    if (!file) return fail(std::move(file).error());
    if (file->state != FileState::complete) {
      return refuse(Refusal::invalid_request, "attachments: " + file->name + " is not complete");
    }
    files.push_back(*std::move(file));
  }
  return wire::Json::build([&](JsonWriter& out) {
           out.begin_array();
           for (const auto& file : files) {
             out.begin_object();
             out.field("file_id", std::to_string(file.id));
             out.field("filename", file.name);
             out.field("content_type", file.content_type);
             out.field("size_bytes", file.size);
             out.end_object();
           }
           out.end_array();
         })
      .text();
}

}  // namespace relay::engine::rest
