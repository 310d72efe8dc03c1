from networks import serve_networks

serve_networks('more-models')
