// Who is signed in? The answer stands in a cookie this script cannot read, so it
// asks torhaus; the browser sends the cookie along. No token ever comes here.
const { auth } = document.body.dataset;
const status = document.getElementById("status");

function show(name, fill = () => {}) {
  const view = document.getElementById(name).content.cloneNode(true);
  fill(view);
  for (const link of view.querySelectorAll("a[data-path]")) {
    const url = new URL(link.dataset.path, auth);
    url.searchParams.set("return_to", location.origin + "/");
    link.href = url;
  }
  status.replaceChildren(view);
}

async function refresh() {
  try {
    // slide=false: looking at the page is use, a tab in the background is not.
    const answer = await fetch(auth + "/session?slide=" + !document.hidden, { credentials: "include" });
    if (answer.status === 401) return show("anonymous");
    if (!answer.ok) return show("trouble");
    const session = await answer.json();
    const time = (iso) => new Date(iso).toLocaleString();
    show("signed-in", (view) => {
      view.querySelector("h1").textContent = "Hello, " + (session.name || session.email || session.subject);
      view.querySelector("[data-email]").textContent = session.email;
      view.querySelector("[data-subject]").textContent = session.subject;
      view.querySelector("[data-since]").textContent = time(session.auth_time);
      view.querySelector("[data-until]").textContent = time(session.expires_at);
      view.querySelector("input").value = location.origin + "/";
    });
  } catch {
    show("trouble");
  }
}

// Signed out in another tab? Coming back to this one tells.
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
