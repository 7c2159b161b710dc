"""What a photo carries beside its pixels, made small for tests."""

from PIL import Image, ImageCms

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1) -> Image.Exif:
    """A maker, a time, and which way up the camera was held (1: upright)."""
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = orientation, "Maker"
    tags.get_ifd(0x8769)[0x9003] = "2019:10:21 12:00:00"
    return tags
