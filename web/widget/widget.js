/*
 * The chat widget: one script tag puts an agent on any web page.
 *
 *   <script src="https://HOST/api/widget.js" data-agent-id="…" async></script>
 *
 * Everything that people or models wrote becomes a text node; nothing is ever parsed as HTML, and
 * nothing but the API is contacted. It lives in a shadow root, so that page and widget leave each
 * other's styles alone.
 */
(function () {
  "use strict";

  var script = document.currentScript;
  var WAIT_LIMIT_MS = 90000;
  var MISSING_LIMIT_MS = 10000;
  var LINK_MARK = "#knowrithm-chat=";
  var CONSENT = "By starting the chat you agree that these details are kept to answer you.";
  var DEFAULTS = {
    agentId: "",
    apiUrl: "",
    primaryColor: "#2f5bea",
    position: "bottom-right",
    theme: "light",
    buttonText: "Chat",
    showBranding: true,
    pollingInterval: 2500,
    autoOpen: false,
    initialDelay: 0,
    persistSession: true,
    welcome: "Hello! How can I help you?",
    title: "",
    zIndex: 2147483000,
  };
  // Older names for the same things.
  var ALIASES = { color: "primaryColor", open: "autoOpen", welcomeMessage: "welcome" };

  // ---- configuration: defaults, then attributes, then the page's global object ----

  function assign(config, key, value) {
    var name = ALIASES[key] || key;
    if (!Object.prototype.hasOwnProperty.call(DEFAULTS, name)) return;
    if (value === undefined || value === null || value === "") return;
    var kind = typeof DEFAULTS[name];
    if (kind === "boolean") config[name] = value === true || value === "true" || value === "1";
    else if (kind === "number") config[name] = isFinite(Number(value)) ? Number(value) : config[name];
    else config[name] = String(value);
  }

  function readConfig() {
    var config = {};
    Object.keys(DEFAULTS).forEach(function (key) { config[key] = DEFAULTS[key]; });
    var attributes = (script && script.dataset) || {};
    Object.keys(attributes).forEach(function (key) { assign(config, key, attributes[key]); });
    [window.KnowrithmWidget, window.AIChatWidget].forEach(function (given) {
      var value = typeof given === "function" ? given() : given;
      if (!value || typeof value !== "object") return;
      [value.appearance, value.behavior, value].forEach(function (part) {
        if (!part || typeof part !== "object") return;
        Object.keys(part).forEach(function (key) { assign(config, key, part[key]); });
      });
    });
    return config;
  }

  function apiBase(config) {
    var given = config.apiUrl;
    if (!given) given = new URL((script && script.src) || location.href).origin + "/api";
    return given.replace(/\/+$/, "").replace(/\/v\d+$/, "") + "/v1";
  }

  var config = readConfig();
  if (!config.agentId) {
    console.error("[chat widget] data-agent-id is missing.");
    return;
  }
  var base = apiBase(config);

  // ---- the session, remembered where the page allows it ----

  var storageKey = "ai-agent-widget::" + config.agentId;
  var session = {};

  function load() {
    if (!config.persistSession) return;
    try {
      var kept = JSON.parse(localStorage.getItem(storageKey));
      session = kept && typeof kept === "object" ? kept : {};
    } catch (error) {
      session = {}; // A sandboxed page has no storage; the session lasts as long as the page.
    }
  }

  function save() {
    if (!config.persistSession) return;
    session.agentId = config.agentId;
    session.updatedAt = new Date().toISOString();
    try {
      localStorage.setItem(storageKey, JSON.stringify(session));
    } catch (error) { /* See load(). */ }
  }

  // ---- the API ----

  function ApiError(message, status) {
    this.message = message;
    this.status = status;
  }

  function call(method, path, body, token) {
    var headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = "Bearer " + token;
    return fetch(base + path, {
      method: method,
      headers: headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      mode: "cors",
    }).then(function (reply) {
      return reply.json().catch(function () { return {}; }).then(function (data) {
        if (!reply.ok || data.success === false) {
          throw new ApiError(data.error || data.message || "The chat cannot be reached.", reply.status);
        }
        return data;
      });
    }, function () {
      throw new ApiError("The chat cannot be reached. Check your connection and try again.", 0);
    });
  }

  function keepTokens(data) {
    var tokens = data.tokens || data;
    session.accessToken = tokens.access_token || tokens.accessToken;
    session.refreshToken = tokens.refresh_token || tokens.refreshToken;
    session.leadData = data.lead || null;
  }

  // The token of the earlier visit proves that it is the same visitor: an address would not.
  function register(person) {
    var body = {};
    Object.keys(person).forEach(function (key) { body[key] = person[key]; });
    if (session.refreshToken) body.refresh_token = session.refreshToken;
    return call("POST", "/lead/register", body).then(function (data) {
      keepTokens(data);
      session.leadPayload = person;
      save();
    });
  }

  // A link from a mail opens the earlier chats, once. It leaves the address at once, so that
  // neither the history nor other scripts keep it.
  function resumeByLink() {
    if (location.hash.indexOf(LINK_MARK) !== 0) return Promise.resolve(false);
    var token = location.hash.slice(LINK_MARK.length);
    try {
      history.replaceState(null, "", location.pathname + location.search);
    } catch (error) { /* A sandboxed page keeps its address. */ }
    var body = { agent_id: config.agentId, token: token };
    return call("POST", "/lead/resume", body).then(function (data) {
      session = {};
      keepTokens(data);
      session.conversationId = data.conversation_id || undefined;
      save();
      return openConversation().then(function () { return true; });
    });
  }

  function page() {
    return { url: location.href.split("#")[0], title: document.title };
  }

  // A token that has run out is replaced once, by registering again with the same data.
  function authorized(method, path, body) {
    return call(method, path, body, session.accessToken).catch(function (error) {
      if (error.status !== 401 || !session.leadPayload) throw error;
      return register(session.leadPayload).then(function () {
        return call(method, path, body, session.accessToken);
      });
    });
  }

  function openConversation() {
    if (session.conversationId) return Promise.resolve();
    var body = { agent_id: config.agentId, title: "Website Chat" };
    return authorized("POST", "/conversation", body).then(function (data) {
      session.conversationId = data.conversation.id;
      save();
    });
  }

  function conversationPath() {
    return "/conversation/" + encodeURIComponent(session.conversationId);
  }

  // A conversation that is gone, or another visit's, gives way to a new one, once.
  function inConversation(method, rest, body) {
    return authorized(method, conversationPath() + rest, body).catch(function (error) {
      if (error.status !== 404) throw error;
      session.conversationId = undefined;
      return openConversation().then(function () {
        return authorized(method, conversationPath() + rest, body);
      });
    });
  }

  function messages() {
    return inConversation("GET", "/messages?page=1&per_page=100").then(function (data) {
      return { list: data.messages || data.data || [], handoff: data.handoff || "bot" };
    });
  }

  // ---- drawing: elements and text nodes only ----

  function element(tag, className, text) {
    var made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined && text !== null) made.appendChild(document.createTextNode(String(text)));
    return made;
  }

  function clear(node) {
    while (node.firstChild) node.removeChild(node.firstChild);
  }

  function safeLink(url) {
    try {
      var parsed = new URL(String(url));
      return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed.href : null;
    } catch (error) {
      return null;
    }
  }

  function sourceLine(source, index) {
    var number = source.source_number || source.number || index + 1;
    var name = source.document_name || source.name || "Document";
    var line = element("li");
    var label = "[" + number + "] " + name;
    var href = safeLink(source.url || source.link || "");
    if (href) {
      var link = element("a", "", label + " (" + new URL(href).hostname + ")");
      link.href = href;
      link.target = "_blank";
      link.rel = "noopener noreferrer nofollow";
      line.appendChild(link);
    } else {
      line.appendChild(document.createTextNode(label));
    }
    return line;
  }

  function bubble(message) {
    var own = message.role === "user";
    var made = element("div", "bubble " + (own ? "own" : "theirs"));
    var about = message.metadata || {};
    if (!own && about.author === "human") {
      made.appendChild(element("div", "who", about.name || "Our team"));
    }
    made.appendChild(document.createTextNode(String(message.content)));
    var sources = message.sources || [];
    if (!own && sources.length) {
      var list = element("ul", "sources");
      sources.forEach(function (source, index) {
        if (source && source.cited !== false) list.appendChild(sourceLine(source, index));
      });
      if (list.firstChild) made.appendChild(list);
    }
    return made;
  }

  // A colour reaches a style sheet only if the browser agrees that it is one.
  function safeColor(color) {
    return window.CSS && CSS.supports("color", color) && /^[#\w(),.%\s-]+$/.test(color)
      ? color : DEFAULTS.primaryColor;
  }

  function styles() {
    var dark = config.theme === "dark";
    var left = /left/.test(config.position);
    var top = /top/.test(config.position);
    return [
      ":host{all:initial}",
      "*{box-sizing:border-box;font:14px/1.45 system-ui,sans-serif}",
      ".root{position:fixed;" + (left ? "left" : "right") + ":20px;" + (top ? "top" : "bottom") +
        ":20px;z-index:" + Math.floor(config.zIndex) + ";color:" + (dark ? "#eee" : "#1b1e28") + "}",
      "button{cursor:pointer;border:0;border-radius:8px;padding:10px 16px;color:#fff;background:" +
        safeColor(config.primaryColor) + "}",
      "button:disabled{opacity:.5;cursor:default}",
      "button:focus-visible,input:focus-visible,textarea:focus-visible{outline:2px solid #f5a623}",
      ".launch{border-radius:24px;box-shadow:0 4px 16px #0003}",
      ".panel{display:flex;flex-direction:column;width:min(360px,calc(100vw - 40px));" +
        "height:min(520px,calc(100vh - 40px));border-radius:12px;overflow:hidden;" +
        "box-shadow:0 8px 32px #0004;background:" + (dark ? "#20232c" : "#fff") + "}",
      ".head{display:flex;justify-content:space-between;align-items:center;padding:12px 16px;" +
        "color:#fff;background:" + safeColor(config.primaryColor) + "}",
      ".head strong{font-weight:600}",
      ".close{padding:0 8px;background:transparent;font-size:20px}",
      ".log{flex:1;overflow-y:auto;padding:12px;display:flex;flex-direction:column;gap:8px}",
      ".bubble{max-width:85%;padding:8px 12px;border-radius:12px;white-space:pre-wrap;" +
        "overflow-wrap:anywhere}",
      ".own{align-self:flex-end;color:#fff;background:" + safeColor(config.primaryColor) + "}",
      ".theirs{align-self:flex-start;background:" + (dark ? "#2d313d" : "#f0f2f7") + "}",
      ".sources{margin:6px 0 0;padding:6px 0 0;border-top:1px solid #8884;list-style:none}",
      ".sources *,.note,.brand,.small,.who{font-size:12px}",
      ".who{font-weight:600}",
      ".small{padding:0 12px 8px;border:0;background:transparent;color:inherit;opacity:.8;" +
        "text-align:center;text-decoration:underline}",
      "p.small{margin:0;text-decoration:none}",
      ".sources a{color:inherit}",
      ".note{padding:8px 12px;text-align:center;opacity:.8}",
      ".error{color:#c0392b;opacity:1}",
      "form{display:flex;gap:8px;padding:12px}",
      "form.lead{flex-direction:column}",
      "input,textarea{flex:1;min-width:0;padding:9px;border:1px solid #8886;border-radius:8px;" +
        "color:inherit;background:transparent;resize:none}",
      "form.lead input{flex:none}",
      ".brand{padding:0 12px 8px;text-align:center;opacity:.6}",
    ].join("\n");
  }

  // ---- the widget ----

  function start(agent) {
    var host = document.createElement("div");
    var shadow = host.attachShadow({ mode: "closed" });
    var sheet = element("style", "", styles());
    var root = element("div", "root");
    shadow.appendChild(sheet);
    shadow.appendChild(root);
    document.body.appendChild(host);

    var name = config.title || agent.name;
    var log = null;
    var note = null;
    var timer = null;
    var waitingFor = null;
    var waitingSince = 0;
    var seen = "";
    var told = "bot";
    var ask = null;
    var beneath = [];

    function say(text, isError) {
      if (!note) return;
      clear(note);
      note.className = "note" + (isError ? " error" : "");
      if (text) note.appendChild(document.createTextNode(text));
    }

    function failed(error) {
      var text = error.status === 501
        ? "This site's chat cannot take new visitors yet. Please come back later."
        : error.message || "Something went wrong.";
      say(text, true);
    }

    function closed() {
      clearTimeout(timer);
      clear(root);
      log = note = ask = null;
      seen = "";
      told = "bot";
      var launch = element("button", "launch", config.buttonText);
      launch.type = "button";
      launch.setAttribute("aria-label", "Open the chat with " + name);
      launch.addEventListener("click", opened);
      root.appendChild(launch);
    }

    function opened() {
      clear(root);
      var panel = element("div", "panel");
      panel.setAttribute("role", "dialog");
      panel.setAttribute("aria-label", "Chat with " + name);
      var head = element("div", "head");
      head.appendChild(element("strong", "", name));
      var close = element("button", "close", "\u00d7");
      close.type = "button";
      close.setAttribute("aria-label", "Close the chat");
      close.addEventListener("click", closed);
      head.appendChild(close);
      log = element("div", "log");
      log.setAttribute("role", "log");
      log.setAttribute("aria-live", "polite");
      note = element("div", "note");
      note.setAttribute("role", "status");
      panel.appendChild(head);
      panel.appendChild(log);
      panel.appendChild(note);
      root.appendChild(panel);
      if (session.accessToken && session.conversationId) talk(panel);
      else askWho(panel);
      if (config.showBranding) panel.appendChild(element("div", "brand", "Powered by Knowrithm"));
    }

    function askWho(panel) {
      if (agent.description) log.appendChild(element("div", "bubble theirs", agent.description));
      var form = element("form", "lead");
      var fields = {};
      [
        ["first_name", "First name", "given-name", "text", true],
        ["last_name", "Last name", "family-name", "text", true],
        ["email", "E-mail", "email", "email", true],
        ["phone", "Phone (optional)", "tel", "tel", false],
      ].forEach(function (row) {
        var input = element("input");
        input.name = row[0];
        input.placeholder = row[1];
        input.setAttribute("aria-label", row[1]);
        input.autocomplete = row[2];
        input.type = row[3];
        input.required = row[4];
        input.maxLength = row[0] === "phone" ? 20 : 100;
        fields[row[0]] = input;
        form.appendChild(input);
      });
      var send = element("button", "", "Start chat");
      send.type = "submit";
      form.appendChild(send);
      form.addEventListener("submit", function (event) {
        event.preventDefault();
        var person = { agent_id: config.agentId };
        Object.keys(fields).forEach(function (key) { person[key] = fields[key].value.trim(); });
        send.disabled = true;
        say("");
        person.consent_data_processing = true;
        person.consent_text = CONSENT;
        register(person).then(openConversation).then(function () {
          beneath.forEach(function (node) { node.remove(); });
          talk(panel);
        }).catch(failed).then(function () { send.disabled = false; });
      });
      panel.appendChild(form);
      panel.appendChild(element("p", "small", CONSENT));
      var link = element("button", "small", "I have chatted here before: mail me a link");
      link.type = "button";
      link.addEventListener("click", function () {
        if (!fields.email.reportValidity()) return;
        link.disabled = true;
        var body = {
          agent_id: config.agentId, email: fields.email.value.trim(), page_url: page().url,
        };
        call("POST", "/lead/link", body).then(function (data) {
          say(data.message);
        }).catch(failed).then(function () { link.disabled = false; });
      });
      panel.appendChild(link);
      beneath = [form, form.nextSibling, link];
    }

    function talk(panel) {
      var form = element("form");
      var input = element("textarea");
      input.rows = 1;
      input.placeholder = "Type a message";
      input.setAttribute("aria-label", "Your message");
      var send = element("button", "", "Send");
      send.type = "submit";
      form.appendChild(input);
      form.appendChild(send);
      panel.insertBefore(form, note.nextSibling);
      input.addEventListener("keydown", function (event) {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          form.requestSubmit();
        }
      });
      form.addEventListener("submit", function (event) {
        event.preventDefault();
        var text = input.value.trim();
        if (!text || waitingFor) return;
        send.disabled = true;
        say("");
        inConversation("POST", "/chat", { message: text, page: page() }).then(function (data) {
          input.value = "";
          if (data.handoff !== "human") {
            waitingFor = data.message_id;
            waitingSince = Date.now();
            say(agent.name + " is answering \u2026");
          }
          return poll();
        }).catch(failed).then(function () { send.disabled = false; });
      });
      ask = element("button", "small", "Talk to a person");
      ask.type = "button";
      ask.addEventListener("click", function () {
        ask.disabled = true;
        inConversation("POST", "/handoff").then(poll).catch(failed).then(function () {
          ask.disabled = false;
        });
      });
      panel.insertBefore(ask, form.nextSibling);
      input.focus();
      poll();
    }

    function tell(handoff) {
      if (handoff === told || !log) return;
      if (told === "human") say("");
      told = handoff;
      if (handoff === "human") {
        waitingFor = null;
        say("You are talking to a person now.");
      } else if (handoff === "waiting") say("A person has been asked to come.");
      if (ask) ask.hidden = handoff === "human" || handoff === "waiting";
    }

    function draw(list) {
      var shown = list.map(function (message) { return message.id + ":" + (message.content || "").length; });
      var key = shown.join("|");
      if (key === seen || !log) return;
      seen = key;
      clear(log);
      if (!list.length) log.appendChild(element("div", "bubble theirs", config.welcome));
      list.forEach(function (message) {
        if (message.role !== "system" && message.content) log.appendChild(bubble(message));
      });
      log.scrollTop = log.scrollHeight;
    }

    function settle(list) {
      if (!waitingFor) return;
      var waited = Date.now() - waitingSince;
      var asked = list.map(function (message) { return message.id; }).indexOf(waitingFor);
      var answered = asked >= 0 && list.slice(asked + 1).some(function (message) {
        return message.role === "assistant" && message.content;
      });
      if (answered) {
        waitingFor = null;
        if (told !== "waiting") say("");
      } else if ((asked < 0 && waited > MISSING_LIMIT_MS) || waited > WAIT_LIMIT_MS) {
        waitingFor = null;
        say("No answer came. Please try again.", true);
      }
    }

    function poll() {
      clearTimeout(timer);
      if (!log) return Promise.resolve();
      return messages().then(function (found) {
        draw(found.list);
        settle(found.list);
        tell(found.handoff);
      }).catch(failed).then(function () {
        clearTimeout(timer);
        var pause = waitingFor ? 1000 : Math.max(1000, config.pollingInterval);
        if (log) timer = setTimeout(poll, document.hidden ? pause * 4 : pause);
      });
    }

    closed();
    resumeByLink().then(function (resumed) {
      if (resumed || config.autoOpen) opened();
    }).catch(function (error) {
      opened();
      failed(error);
    });
  }

  function begin() {
    load();
    var url = location.href.split("#")[0];
    var place = { agent_id: config.agentId, url: url, title: document.title, trigger_crawl: false };
    // Tells the site's owner where the widget is used; the chat works without it.
    call("POST", "/website/handshake", place).catch(function () {});
    call("GET", "/agent/" + encodeURIComponent(config.agentId)).then(function (data) {
      start(data.agent);
    }).catch(function (error) {
      console.error("[chat widget] " + (error.message || error));
    });
  }

  function whenReady() {
    setTimeout(begin, Math.max(0, config.initialDelay));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", whenReady);
  else whenReady();
})();
