//! Orders to stop, and to remove.

use keyward_protocol::desired::Volumes;
use keyward_protocol::report::{Block, BlockItem, Phase, Step};

use super::prepare::{blocked, project_fault};
use super::work::Work;
use super::{Open, Stopped, held};
use crate::config::DELETE_VOLUMES;
use crate::engine::EngineError;
use crate::engine::api::Engine;

impl Work<'_> {
    /// Nothing runs afterwards, and all of it is still there.
    pub(super) fn stop(&mut self) -> Result<(), Stopped> {
        self.folder.write_order(&self.order)?;
        let engine = self.engine()?;
        all_done(self.stop_all(&engine))?;
        Ok(self.end(Phase::Stopped, Open::default())?)
    }

    /// Nothing is left afterwards but, if so ordered, the data.
    pub(super) fn remove(&mut self, volumes: Volumes) -> Result<(), Stopped> {
        if let Some(fault) = project_fault(&self.order) {
            return Err(blocked(Block::Order, [fault]));
        }
        let delete = volumes == Volumes::Delete;
        if delete && !self.config.may_delete_volumes(self.order.id) {
            return Err(self.ask_about_volumes());
        }
        self.folder.write_order(&self.order)?;
        let engine = self.engine()?;
        all_done(self.stop_all(&engine))?;
        self.remove_containers(&engine, delete).map_err(later)?;
        let project = format!("com.docker.compose.project={}", self.order.project);
        for network in engine.networks(&project).map_err(later)? {
            engine.remove_network(&network.id).map_err(later)?;
        }
        if delete {
            for volume in engine.volumes(&project).map_err(later)? {
                engine.remove_volume(&volume).map_err(later)?;
            }
        }
        for image in self.folder.images()? {
            let fetched = self.state.pulled.remove(&image.reference);
            held::let_go(&engine, self.order.id, &image, fetched);
        }
        self.state.current = None;
        self.state.previous = None;
        // Before it counts as removed, since nobody looks at it after that.
        self.folder.clear()?;
        Ok(self.end(Phase::Removed { volumes_deleted: delete }, Open::default())?)
    }

    fn remove_containers(&self, engine: &Engine, volumes: bool) -> Result<(), EngineError> {
        for row in engine.containers(&self.label())? {
            engine.remove_container(&row.id, volumes)?;
        }
        Ok(())
    }

    fn engine(&self) -> Result<Engine, Stopped> {
        if let Some(error) = &self.config_error {
            return Err(later(EngineError::Away(error.clone())));
        }
        match crate::engine::find_socket(self.config.socket.as_deref()) {
            Some(socket) => Ok(Engine::new(&socket)),
            None => Err(later(EngineError::Away("its socket was not found".into()))),
        }
    }

    fn ask_about_volumes(&self) -> Stopped {
        let item = BlockItem {
            message: "The owner of this host wants to confirm that data is deleted.".into(),
            command: Some(format!("keyward-agent allow {} {DELETE_VOLUMES}", self.order.id)),
        };
        Stopped::Blocked { by: Block::Needs, items: vec![item], open: vec![DELETE_VOLUMES.to_owned()] }
    }
}

fn later(error: EngineError) -> Stopped {
    Stopped::Transient { step: Step::Up, message: format!("{error}.") }
}

fn all_done(mut errors: Vec<EngineError>) -> Result<(), Stopped> {
    errors.pop().map_or(Ok(()), |error| Err(later(error)))
}
