// The camera and files as pictures on a canvas: nothing here sends anything.

const SIDE = 1024; // what is stored at most

let stream = null;

/** Whether the browser gives this page a camera at all. */
export const possible = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** Show the camera in a video. Throws the browser's error. */
export async function open(video) {
  stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } },
  });
  video.srcObject = stream;
  await video.play();
}

/** Switch the camera off. */
export function close(video) {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
}

/** The text that says why there is no camera. */
export const reason = (error) =>
  ({
    NotAllowedError: "camera.denied",
    SecurityError: "camera.denied",
    NotFoundError: "camera.none",
    OverconstrainedError: "camera.none",
  })[error.name] ?? "camera.busy";

/** Draw a frame of the video, unmirrored, on a canvas. */
export const grab = (video, canvas) => draw(video, video.videoWidth, video.videoHeight, canvas);

/** Draw a file, upright, on a canvas. Throws if it is no picture. */
export async function read(file, canvas) {
  const image = await createImageBitmap(file);
  draw(image, image.width, image.height, canvas);
  image.close();
}

function draw(source, width, height, canvas) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
}

/** The canvas as a JPEG file. */
export const encode = (canvas) =>
  new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));

/** Forget what the canvas holds. */
export function clear(canvas) {
  canvas.width = canvas.height = 0;
}
