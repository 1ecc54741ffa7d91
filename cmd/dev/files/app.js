// Who is signed in? The answer stands in a cookie that this script cannot read, so
// it asks torhaus, by torhaus's own module. No token ever comes here.
const { auth } = document.body.dataset;
const status = document.getElementById("status");
const home = location.origin + "/";
const torhaus = import(auth + "/static/torhaus.js");

function show(name, fill = () => {}) {
  const view = document.getElementById(name).content.cloneNode(true);
  fill(view);
  for (const link of view.querySelectorAll("a[data-path]")) {
    const url = new URL(link.dataset.path, auth);
    url.searchParams.set("return_to", home);
    link.href = url;
  }
  status.replaceChildren(view);
}

async function refresh() {
  try {
    const { whoAmI, signOut } = await torhaus;
    // Looking at the page is use, a tab in the background is not.
    const session = await whoAmI({ slide: !document.hidden });
    if (!session) return show("anonymous");
    const time = (iso) => new Date(iso).toLocaleString();
    show("signed-in", (view) => {
      view.querySelector("h1").textContent = "Hello, " + (session.name || session.email || session.subject);
      view.querySelector("[data-email]").textContent = session.email;
      view.querySelector("[data-subject]").textContent = session.subject;
      view.querySelector("[data-since]").textContent = time(session.auth_time);
      view.querySelector("[data-until]").textContent = time(session.expires_at);
      for (const button of view.querySelectorAll("button")) {
        button.addEventListener("click", () => signOut({ return_to: home, everywhere: button.value === "everywhere" }));
      }
    });
  } catch {
    show("trouble");
  }
}

await refresh();
// Signed out in another tab, on another device, by an administrator: from now on
// the page knows without asking.
torhaus.then(({ watch }) => watch(refresh), () => {});
