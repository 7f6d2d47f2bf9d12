#include "support/fake_engine_script.hpp"

#include "support/json_edit.hpp"
#include "wire/envelope.hpp"

namespace relay::test {

HttpScript HttpScript::status(int status, std::string content_type, std::string body) {
  HttpScript script(Act::given);
  script.response = net::HttpResponse(status, std::move(content_type), std::move(body));
  return script;
}

HttpScript HttpScript::refusal(int status, std::string_view code) {
  wire::ApiError error;
  error.code = code;
  error.message = "scripted";
  return HttpScript::status(status, "application/json", wire::encode_refusal(error));
}

HttpScript HttpScript::html(int status) {
  return HttpScript::status(status, "text/html", "<html><body>Bad Gateway</body></html>");
}

HttpScript HttpScript::half_json(int status) {
  return HttpScript::status(status, "application/json", R"({"ok":true,"data":{"token":"nt_li)");
}

HttpScript HttpScript::empty(int status) {
  HttpScript script(Act::given);
  script.response.status = status;
  return script;
}

HttpScript HttpScript::bytes(std::string bytes) {
  HttpScript script(Act::given);
  script.raw = std::move(bytes);
  return script;
}

HttpScript&& HttpScript::header(std::string name, std::string value) && {
  response.headers.add(std::move(name), std::move(value));
  return std::move(*this);
}

HttpScript&& HttpScript::cut_after(std::size_t bytes) && {
  cut = bytes;
  return std::move(*this);
}

HttpScript&& HttpScript::held() && {
  hold = true;
  return std::move(*this);
}

FrameScript FrameScript::edit(Edit edit) {
  FrameScript script(Act::edit);
  script.change = std::move(edit);
  return script;
}

FrameScript FrameScript::with(std::string pointer, std::string value) {
  return edit([pointer = std::move(pointer), value = std::move(value)](const std::string& text) {
    return json_with(text, pointer, value);
  });
}

FrameScript FrameScript::without(std::string pointer) {
  return edit([pointer = std::move(pointer)](const std::string& text) {
    return json_without(text, pointer);
  });
}

FrameScript FrameScript::cut_after(std::size_t bytes) {
  FrameScript script(Act::cut);
  script.cut = bytes;
  return script;
}

}  // namespace relay::test
