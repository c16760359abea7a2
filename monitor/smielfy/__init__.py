"""Smielfy: a page that collects faces for the smileys ("The return of smileys").

It asks for a smiley, shows an example, takes a picture with the browser's camera and stores it once
the person has agreed. The road of a picture, one module per step:

``sessions``     who asks: a random id in a cookie, and the token that belongs to it;
``limits``       how often, how many, how large;
``consent``      the text that was agreed to, word for word;
``intake``       strangers' bytes become pixels, or are refused;
``store``        the folder: a picture with its record beside it, written so that nothing is lost;
``records``      what such a record holds;
``codes``        the code that takes a picture back.

Around them ``app`` (the pages), ``drawn`` (the example faces), ``texts`` (two languages),
``certificate`` and ``server`` (HTTPS, which browsers ask for before they give the camera to a
page), ``serve``, and afterwards ``review`` and ``export``. What finds the face is passed in.
"""
